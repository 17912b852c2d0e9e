# SPDX-License-Identifier: Apache-2.0
#
# For the tests of who reads the API's bodies: Documentation/openapi.yaml as JSON.
if(NOT BUILD_TESTING)
  return()
endif()
set(openapi_yaml ${PROJECT_SOURCE_DIR}/Documentation/openapi.yaml)
set(openapi_json ${CMAKE_CURRENT_BINARY_DIR}/openapi.json)
add_custom_command(OUTPUT ${openapi_json} DEPENDS ${openapi_yaml} VERBATIM
  COMMAND /usr/bin/python3 -c
    "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1], encoding='utf-8')), open(sys.argv[2], 'w', encoding='utf-8'))"
    ${openapi_yaml} ${openapi_json})
add_custom_target(openapi_json DEPENDS ${openapi_json})
add_library(sluice_openapi_testing INTERFACE)
add_dependencies(sluice_openapi_testing openapi_json)
target_include_directories(sluice_openapi_testing INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(sluice_openapi_testing INTERFACE OPENAPI_JSON="${openapi_json}")
target_link_libraries(sluice_openapi_testing INTERFACE nlohmann_json::nlohmann_json)
