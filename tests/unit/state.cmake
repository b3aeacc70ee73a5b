ssi_unit_test(state_test
    state_domain_xml_test.cpp
    state_guest_rules_test.cpp
    state_member_rules_test.cpp
    state_records_test.cpp
    state_relocation_rules_test.cpp
    LIBS ssi_core)
