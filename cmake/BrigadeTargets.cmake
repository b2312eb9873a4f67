# One static library per component. A component is one or more rooms of src/; each room's sources are
# all the .cpp files in its folder, so that adding a file needs no edit here.
#
# Invariant: what a component needs from other packages is written once, in PACKAGES. It is looked for
# here and, through BrigadeInstall, again by the installed package: the libraries are static, so a
# program that links one needs its private dependencies as well.

# For everything we compile ourselves. Not exported: an app's warnings are its own affair.
add_library(brigade_settings INTERFACE)
target_compile_options(brigade_settings INTERFACE
  -Wall -Wextra -Wshadow -Wold-style-cast
  -ffunction-sections -fdata-sections
  $<$<BOOL:${BRIGADE_WERROR}>:-Werror>
  # GCC's -Wnon-virtual-dtor also complains of a protected destructor where there is a friend.
  "$<$<CXX_COMPILER_ID:Clang>:-Wnon-virtual-dtor;-Wextra-semi>")
target_link_options(brigade_settings INTERFACE LINKER:--gc-sections)
if(BRIGADE_SANITIZE)
  # vptr: that check opens a pipe to find out whether it may read an object, and takes a process that
  # has run out of descriptors, as some of our tests do, for one with a broken object.
  target_compile_options(brigade_settings INTERFACE -fsanitize=${BRIGADE_SANITIZE}
    -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(brigade_settings INTERFACE -fsanitize=${BRIGADE_SANITIZE})
endif()

# brigade_component(NAME ROOMS room... [PACKAGES "package [version] [arguments of find_package]"...]
#                   [PUBLIC library...] [PRIVATE library...])
# Declare a component after those that it links.
function(brigade_component name)
  cmake_parse_arguments(ARG "" "" "ROOMS;PACKAGES;PUBLIC;PRIVATE" ${ARGN})
  foreach(package IN LISTS ARG_PACKAGES)
    separate_arguments(package_arguments UNIX_COMMAND "${package}")
    find_package(${package_arguments} REQUIRED)
  endforeach()

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
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    PRIVATE "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(brigade_${name} PUBLIC ${ARG_PUBLIC}
    PRIVATE $<BUILD_INTERFACE:brigade_settings> ${ARG_PRIVATE})

  # For BrigadeInstall.
  set(components ${ARG_PUBLIC} ${ARG_PRIVATE})
  list(FILTER components INCLUDE REGEX "^brigade_")
  list(TRANSFORM components REPLACE "^brigade_" "")
  set_property(GLOBAL APPEND PROPERTY BRIGADE_COMPONENTS ${name})
  set_property(GLOBAL PROPERTY BRIGADE_COMPONENTS_OF_${name} ${components})
  set_property(GLOBAL PROPERTY BRIGADE_PACKAGES_OF_${name} ${ARG_PACKAGES})
endfunction()

# Headers only, and none of ours includes them: nothing for the installed package to find.
find_package(CLI11 REQUIRED)

brigade_component(core ROOMS base shared loop stats message threads cluster
  PACKAGES Threads fmt spdlog "Boost 1.81 CONFIG"
  PUBLIC fmt::fmt Threads::Threads Boost::headers PRIVATE spdlog::spdlog $<BUILD_INTERFACE:CLI11::CLI11>)
# For apps as well, unlike the settings above: a worker that touches no database must not pay for
# loading libsqlite3 at every start just because its program links brigade::app.
target_link_options(brigade_core INTERFACE LINKER:--as-needed)

brigade_component(http ROOMS http
  PACKAGES "Boost 1.81 CONFIG COMPONENTS json"
  PUBLIC brigade_core Boost::json)
brigade_component(data ROOMS data
  PACKAGES "Boost 1.81 CONFIG COMPONENTS json" SQLite3
  PUBLIC brigade_core Boost::json PRIVATE SQLite::SQLite3)
brigade_component(app ROOMS app
  PUBLIC brigade_http brigade_data)
