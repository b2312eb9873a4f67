# `cmake --install`, and what find_package(brigade) then finds. One export file per component, so that
# a program which asks for `http` needs no SQLite on its machine.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/brigade")
get_property(BRIGADE_COMPONENTS GLOBAL PROPERTY BRIGADE_COMPONENTS)

set(BRIGADE_NEEDS "")
foreach(component IN LISTS BRIGADE_COMPONENTS)
  install(TARGETS brigade_${component} EXPORT brigade-${component}
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(EXPORT brigade-${component} NAMESPACE brigade:: DESTINATION "${package_dir}")

  get_property(components GLOBAL PROPERTY BRIGADE_COMPONENTS_OF_${component})
  get_property(packages GLOBAL PROPERTY BRIGADE_PACKAGES_OF_${component})
  string(APPEND BRIGADE_NEEDS
    "set(_brigade_${component}_components \"${components}\")\n"
    "set(_brigade_${component}_packages \"${packages}\")\n")
endforeach()

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/brigade"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/brigadeConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/brigadeConfig.cmake" INSTALL_DESTINATION "${package_dir}"
  NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change anything.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/brigadeConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/brigadeConfig.cmake"
  "${PROJECT_BINARY_DIR}/brigadeConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/BrigadeCompiler.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/coroutine_probe.cpp"
  DESTINATION "${package_dir}")
