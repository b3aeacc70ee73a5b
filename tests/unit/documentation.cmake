ssi_unit_test(documentation_test documentation_test.cpp LIBS ssi_common)
target_compile_definitions(documentation_test PRIVATE SSI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
