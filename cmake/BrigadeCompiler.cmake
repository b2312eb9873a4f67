# Decides whether this compiler may build Brigade. Included before project() for the default compiler.

function(brigade_check_compiler)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    message(FATAL_ERROR "GCC ${CMAKE_CXX_COMPILER_VERSION} is refused.")
  endif()
endfunction()
