# Target `cmocka`: the system's library natively; for Windows built from the Debian source that tools/setup.sh fetched.
if(NOT WIN32)
  find_library(CMOCKA_LIBRARY cmocka REQUIRED)
  add_library(cmocka INTERFACE)
  target_link_libraries(cmocka INTERFACE ${CMOCKA_LIBRARY})
  return()
endif()

set(CMOCKA_SOURCE ${CMAKE_SOURCE_DIR}/build/third_party/cmocka CACHE PATH "unpacked source of cmocka")
if(NOT EXISTS ${CMOCKA_SOURCE}/src/cmocka.c)
  message(FATAL_ERROR "cmocka's source is not at ${CMOCKA_SOURCE}: run tools/setup.sh, or set CMOCKA_SOURCE.")
endif()
add_library(cmocka STATIC ${CMOCKA_SOURCE}/src/cmocka.c)
target_include_directories(cmocka SYSTEM PUBLIC ${CMOCKA_SOURCE}/include)
target_compile_definitions(cmocka PRIVATE HAVE_STDLIB_H HAVE_STRING_H HAVE_STDIO_H HAVE_STDINT_H HAVE_SETJMP_H
  HAVE_MALLOC_H HAVE_INTTYPES_H HAVE_TIME_H HAVE_SNPRINTF=1 HAVE_VSNPRINTF=1 HAVE_STRSIGNAL=0
  PUBLIC CMOCKA_STATIC)
target_compile_options(cmocka PRIVATE -w)
