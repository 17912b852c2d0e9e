# SPDX-License-Identifier: Apache-2.0
#
# What the key server is told, and how it judges; neither HTTP nor the store.
find_package(nlohmann_json REQUIRED)

add_library(sluice_kds_policy STATIC access.cpp answer_size.cpp audit_log.cpp posture.cpp read_posture.cpp settings.cpp text.cpp version.cpp)
target_include_directories(sluice_kds_policy PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(sluice_kds_policy PUBLIC sluice_base sluice_config sluice_derivation sluice_policy_statement sluice_tls nlohmann_json::nlohmann_json)

sluice_test(kds_policy_test LIBRARIES sluice_kds_policy SOURCES
  access_test.cpp audit_log_test.cpp posture_test.cpp settings_test.cpp text_test.cpp version_test.cpp)
if(BUILD_TESTING)
  target_compile_definitions(kds_policy_test PRIVATE KDS_EXAMPLE="${PROJECT_SOURCE_DIR}/Documentation/sluice-kds.toml.example")
endif()
