ssi_unit_test(ssictl_test ssictl_at_test.cpp ssictl_command_line_test.cpp ssictl_config_test.cpp ssictl_cp_names_test.cpp ssictl_cp_test.cpp
    ssictl_directory_test.cpp ssictl_drill_test.cpp ssictl_engine_test.cpp ssictl_link_test.cpp ssictl_pdr_test.cpp
    ssictl_rendering_test.cpp ssictl_run_test.cpp LIBS ssi_ssictl_openssl)
target_compile_definitions(ssictl_test PRIVATE SSI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
