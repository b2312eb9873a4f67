# One static library per component. A component is one or more rooms of src/; each room's sources are
# all the .cpp files in its folder, so that adding a file needs no edit here.

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)

add_library(brigade_settings INTERFACE)
target_compile_options(brigade_settings INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  $<$<BOOL:${BRIGADE_WERROR}>:-Werror>
  $<$<CXX_COMPILER_ID:Clang>:-Wextra-semi>)
if(BRIGADE_SANITIZE)
  target_compile_options(brigade_settings INTERFACE
    -fsanitize=${BRIGADE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(brigade_settings INTERFACE -fsanitize=${BRIGADE_SANITIZE})
endif()

function(brigade_component name)
  cmake_parse_arguments(ARG "" "" "ROOMS;PUBLIC;PRIVATE" ${ARGN})
  set(sources)
  foreach(room IN LISTS ARG_ROOMS)
    file(GLOB found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${room}/*.cpp")
    list(APPEND sources ${found})
  endforeach()
  add_library(brigade_${name} STATIC ${sources})
  add_library(brigade::${name} ALIAS brigade_${name})
  set_target_properties(brigade_${name} PROPERTIES EXPORT_NAME ${name}
    POSITION_INDEPENDENT_CODE ON)
  target_compile_features(brigade_${name} PUBLIC cxx_std_20)
  target_include_directories(brigade_${name}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>
    PRIVATE "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(brigade_${name} PUBLIC ${ARG_PUBLIC}
    PRIVATE $<BUILD_INTERFACE:brigade_settings> ${ARG_PRIVATE})
endfunction()

brigade_component(core ROOMS base shared loop stats threads cluster
  PUBLIC fmt::fmt Threads::Threads PRIVATE spdlog::spdlog)
brigade_component(http ROOMS http PUBLIC brigade_core Boost::json)

find_package(SQLite3 REQUIRED)
brigade_component(data ROOMS data PUBLIC brigade_core Boost::json PRIVATE SQLite::SQLite3)
brigade_component(app ROOMS app PUBLIC brigade_http brigade_data)
