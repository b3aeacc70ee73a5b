ssi_unit_test(state_test
    definition_memory_test.cpp
    definition_plan_test.cpp
    directory_administration_test.cpp
    doors_test.cpp
    remote_calls_test.cpp
    state_config_rules_test.cpp
    state_directory_rules_test.cpp
    state_domain_storage_test.cpp
    state_domain_xml_test.cpp
    state_evidence_test.cpp
    state_guest_rules_test.cpp
    state_lone_rules_test.cpp
    state_member_rules_test.cpp
    state_modes_test.cpp
    state_records_test.cpp
    state_registration_rules_test.cpp
    state_relocation_rules_test.cpp
    state_saved_state_test.cpp
    LIBS ssi_api ssi_core)
target_compile_definitions(state_test PRIVATE SSI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
ssi_unit_test(pdr_watch_test pdr_watch_test.cpp LIBS ssi_core)
