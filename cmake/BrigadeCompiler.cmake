# Which compilers may build Brigade, or a program that uses it. Installed beside the package's config
# file, so that an app's project is told the same as ours.
#
# Invariant: a compiler other than clang 19, the one we build and test with, is accepted only after
# coroutine_probe.cpp has come out right at -O0 and at -O2. A version number alone would trust every
# future release, and every distribution's patches, with code that fails as a double free.

set(BRIGADE_COROUTINE_PROBE "${CMAKE_CURRENT_LIST_DIR}/coroutine_probe.cpp")

# Before project(): clang 19 where it is installed and nobody has asked for another compiler. Without
# this a plain `cmake -B build` on Debian 12 finds GCC 12 and stops.
macro(brigade_choose_compiler)
  if(NOT DEFINED CMAKE_CXX_COMPILER AND NOT DEFINED CMAKE_TOOLCHAIN_FILE
     AND "$ENV{CXX}" STREQUAL "")
    find_program(BRIGADE_CLANG clang++-19 NO_CACHE)
    if(BRIGADE_CLANG)
      set(CMAKE_CXX_COMPILER "${BRIGADE_CLANG}")
    endif()
  endif()
endmacro()

# After project(): the linker that came with this clang, where it is installed. It links several times
# faster than GNU ld. Not an error without it: lld is no requirement.
macro(brigade_choose_linker)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang"
     AND NOT CMAKE_EXE_LINKER_FLAGS MATCHES "-fuse-ld=|--ld-path=")
    string(REGEX MATCH "^[0-9]+" brigade_clang_major "${CMAKE_CXX_COMPILER_VERSION}")
    find_program(BRIGADE_LINKER NAMES "ld.lld-${brigade_clang_major}" ld.lld)
    mark_as_advanced(BRIGADE_LINKER)
    if(BRIGADE_LINKER)
      string(APPEND CMAKE_EXE_LINKER_FLAGS " --ld-path=${BRIGADE_LINKER}")
    endif()
  endif()
endmacro()

# Sets `result` to why this compiler is refused, or to nothing.
function(brigade_compiler_problem result)
  set(${result} "" PARENT_SCOPE)
  set(remedy "On Debian 12: apt-get install clang-19, then configure with \
-DCMAKE_CXX_COMPILER=clang++-19 in a fresh build folder.")
  set(found "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} (${CMAKE_CXX_COMPILER})")
  set(floor "Brigade needs clang 16 or later, or GCC 13 or later; this is ${found}.")

  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    set(${result} "${floor} GCC 12 destroys temporaries in a co_await expression twice (a double \
free in lines like `co_await pool.run([image] { ... })`). ${remedy}" PARENT_SCOPE)
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 16)
    set(${result} "${floor} Earlier releases of clang lack parts of C++20 that the headers use. \
${remedy}" PARENT_SCOPE)
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION MATCHES "^19\\.")
    return()
  elseif(NOT CMAKE_CROSSCOMPILING)
    _brigade_run_probe(wrong)
    if(wrong)
      set(${result} "${found} gets C++20 coroutines wrong: ${wrong}. Brigade would fail at run \
time, so it is not built. ${remedy}" PARENT_SCOPE)
    endif()
  endif()
endfunction()

# Sets `result` to what came out wrong, or to nothing. A good outcome is cached, a bad one is not, so
# that configuring again says why again.
function(_brigade_run_probe result)
  set(${result} "" PARENT_SCOPE)
  foreach(level O0 O2)
    set(key "BRIGADE_PROBE_${level}")
    if("${${key}}" STREQUAL "${CMAKE_CXX_COMPILER_VERSION}")
      continue()
    endif()
    # The flags of CMAKE_BUILD_TYPE must not override the level.
    set(CMAKE_TRY_COMPILE_CONFIGURATION Debug)
    set(CMAKE_CXX_FLAGS_DEBUG "-${level}")
    try_run(exit_code compiled SOURCES "${BRIGADE_COROUTINE_PROBE}" NO_CACHE
      CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON
      COMPILE_OUTPUT_VARIABLE compile_output RUN_OUTPUT_VARIABLE run_output)
    if(NOT compiled)
      set(${result} "at -${level} a probe does not compile:\n${compile_output}" PARENT_SCOPE)
      return()
    elseif(NOT exit_code STREQUAL "0")
      string(REGEX MATCH "[^\n]*\n?$" last_line "${run_output}")
      string(STRIP "at -${level} a probe ended with ${exit_code}; ${last_line}" reason)
      set(${result} "${reason}" PARENT_SCOPE)
      return()
    endif()
    set(${key} "${CMAKE_CXX_COMPILER_VERSION}" CACHE INTERNAL
      "The compiler whose coroutines were found right at -${level}")
  endforeach()
endfunction()

function(brigade_check_compiler)
  brigade_compiler_problem(problem)
  if(problem)
    message(FATAL_ERROR "${problem}")
  endif()
endfunction()
