# Cross-compiles for AArch64 on Debian, with its own libraries (dpkg --add-architecture arm64), and
# runs what was built under qemu. scripts/test.sh --neon installs all of it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

# The loader and the C library are those of libc6:arm64, which stand where the programs look.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)

# Libraries of both architectures stand side by side; pkg-config must see those of arm64 only.
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(ENV{PKG_CONFIG_PATH} "")
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
