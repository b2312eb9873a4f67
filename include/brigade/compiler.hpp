// Refuses compilers that miscompile coroutines. Every public header with a coroutine in it includes
// this one first, so that a project which does not use our CMake package is told as well.
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#error \
    "Brigade needs clang 16 or later, or GCC 13 or later. GCC 12 destroys temporaries in a co_await \
expression twice (a double free in lines like `co_await pool.run([image] { ... })`). \
On Debian 12: apt-get install clang-19, then configure with -DCMAKE_CXX_COMPILER=clang++-19."
#endif

#if !defined(__linux__)
#error "Brigade runs on Linux only (kernel 6.1 or later): it is built on epoll, pidfd and memfd."
#endif
