# SPDX-License-Identifier: Apache-2.0
#
# The key server: its API over HTTP, with the store and the policy behind it.
find_package(spdlog REQUIRED)

add_library(sluice_kds_api STATIC announce.cpp api.cpp bodies.cpp check.cpp complaints.cpp decision.cpp keys.cpp metrics.cpp routes.cpp service.cpp)
target_include_directories(sluice_kds_api PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(sluice_kds_api
  PUBLIC sluice_kds_store sluice_kds_policy sluice_http sluice_evidence sluice_metrics nlohmann_json::nlohmann_json
  PRIVATE spdlog::spdlog OpenSSL::Crypto)

add_executable(sluice-kds main.cpp)
target_link_libraries(sluice-kds PRIVATE sluice_wiped_heap sluice_kds_api CLI11::CLI11 spdlog::spdlog)
install(TARGETS sluice-kds RUNTIME DESTINATION sbin)

sluice_test(kds_api_test LIBRARIES sluice_kds_api sluice_openapi_testing sluice_tls_testing spdlog::spdlog
  SOURCES announce_test.cpp api_test.cpp bodies_test.cpp check_test.cpp complaints_test.cpp failure_test.cpp keys_audit_test.cpp keys_test.cpp
    metrics_test.cpp openapi_test.cpp routes_test.cpp service_audit_test.cpp service_test.cpp)

sluice_test(kds_heap_test PLAIN LIBRARIES sluice_wiped_heap sluice_kds_api SOURCES bodies_heap_test.cpp)

# For selftests/bench: built when asked for.
add_executable(kds_load EXCLUDE_FROM_ALL load.cpp)
target_link_libraries(kds_load PRIVATE sluice_kds_api sluice_tls_testing)
