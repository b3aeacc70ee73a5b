# Headers compile alone. Where a source of the same name includes its header first (scripts/lint looks), clang-tidy shows
# it (`scripts/test --tidy`, nightly), which takes each source by itself; the build takes many as one. For the others one
# source each, which includes nothing but the header. `scripts/lint` builds this target.
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
    ${CMAKE_SOURCE_DIR}/lib/*.hpp ${CMAKE_SOURCE_DIR}/daemons/*.hpp ${CMAKE_SOURCE_DIR}/tools/*.hpp ${CMAKE_SOURCE_DIR}/tests/*.hpp)
set(sources)
foreach(header ${headers})
  string(REGEX REPLACE "hpp$" "cpp" own_source ${CMAKE_SOURCE_DIR}/${header})
  if(NOT EXISTS ${own_source})
    set(source ${CMAKE_CURRENT_BINARY_DIR}/headers/${header}.cpp)
    file(GENERATE OUTPUT ${source} CONTENT "#include \"${header}\"\n")
    list(APPEND sources ${source})
  endif()
endforeach()
add_library(headers_alone OBJECT EXCLUDE_FROM_ALL ${sources})
target_link_libraries(headers_alone PRIVATE ssi_common PkgConfig::LIBVIRT GTest::gtest)
target_compile_options(headers_alone PRIVATE -O0)
set_target_properties(headers_alone PROPERTIES UNITY_BUILD OFF)
