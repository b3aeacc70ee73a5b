ssi_unit_test(isfc_wire_vectors_test isfc_wire_vectors_test.cpp LIBS ssi_isfc)
target_compile_definitions(isfc_wire_vectors_test PRIVATE SSI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
