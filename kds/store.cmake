# SPDX-License-Identifier: Apache-2.0
#
# The key server's records and the rules that change them; no sockets.
find_package(SQLite3 3.37 REQUIRED)
find_package(nlohmann_json REQUIRED)

add_library(sluice_kds_store STATIC
  anomaly.cpp audit.cpp device.cpp generations.cpp issue.cpp updates.cpp wrap.cpp
  sqlite/connection.cpp sqlite/schema.cpp sqlite/store.cpp sqlite/transaction.cpp)
target_include_directories(sluice_kds_store PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(sluice_kds_store PUBLIC sluice_derivation
  PRIVATE sluice_tls SQLite::SQLite3 OpenSSL::Crypto nlohmann_json::nlohmann_json)

sluice_test(kds_store_test LIBRARIES sluice_kds_store SQLite::SQLite3 nlohmann_json::nlohmann_json
  SOURCES anomaly_test.cpp crash_test.cpp generations_test.cpp issue_test.cpp model_test.cpp wrap_test.cpp
    sqlite/store_test.cpp)

if(BUILD_TESTING)
  add_executable(kds_store_bench EXCLUDE_FROM_ALL bench.cpp)
  target_link_libraries(kds_store_bench PRIVATE sluice_kds_store)
endif()
