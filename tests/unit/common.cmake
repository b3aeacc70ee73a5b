ssi_unit_test(common_test common_names_test.cpp common_system_config_test.cpp common_text_test.cpp
    config_document_test.cpp config_edit_test.cpp config_kept_test.cpp metrics_test.cpp notifier_test.cpp
    LIBS ssi_common)
