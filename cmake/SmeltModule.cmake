# smelt_module(NAME n SOURCES ... [TESTS ...] [DEPS modules...] [LIBS libraries...] [PUBLIC_LIBS ...]
#              [TEST_LIBS ...])
# One static library smelt_<n> for the folder smelt/<n>, linking only the modules in DEPS (the arrows of
# ARCHITECTURE.md are enforced here: a folder cannot include what it does not link), and one test
# program smelt_<n>_test from TESTS, which may link TEST_LIBS besides. LIBS are third-party libraries
# that no public header shows.
function(smelt_module)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;TESTS;DEPS;LIBS;PUBLIC_LIBS;TEST_LIBS" ${ARGN})
  set(target smelt_${ARG_NAME})
  add_library(${target} STATIC ${ARG_SOURCES})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                              $<INSTALL_INTERFACE:include>)
  list(TRANSFORM ARG_DEPS PREPEND smelt_)
  target_link_libraries(${target} PUBLIC ${ARG_DEPS} ${ARG_PUBLIC_LIBS} PRIVATE ${ARG_LIBS})
  target_compile_options(${target} PRIVATE ${SMELT_WARNINGS})
  set_property(GLOBAL APPEND PROPERTY SMELT_MODULES ${target})
  if(ARG_TESTS AND SMELT_DEVELOPER)
    add_executable(${target}_test ${ARG_TESTS})
    target_link_libraries(${target}_test PRIVATE ${target} ${ARG_LIBS} ${ARG_TEST_LIBS} GTest::gtest GTest::gmock
                                                 GTest::gtest_main)
    target_compile_options(${target}_test PRIVATE ${SMELT_WARNINGS})
    gtest_discover_tests(${target}_test DISCOVERY_TIMEOUT 60
                         PROPERTIES LABELS ${ARG_NAME}
                                    ENVIRONMENT "SMELT_MODELS=${SMELT_MODELS}")
  endif()
endfunction()
