"""The CUDA device that libcuda.so.1 gives, asked as ftrt asks it, or why there is none."""

import ctypes

MAJOR, MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*


class NoDevice(Exception):
    pass


def find():
    """The device's name and what ftc compile calls its architecture."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        raise NoDevice("no CUDA device: libcuda.so.1, NVIDIA's driver, is not installed") from None

    def call(name, *arguments):
        code = getattr(driver, name)(*arguments)
        if code:
            raise NoDevice("no CUDA device: %s gives %d" % (name, code))

    count, device, value = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(128)
    call("cuInit", 0)
    call("cuDeviceGetCount", ctypes.byref(count))
    if not count.value:
        raise NoDevice("no CUDA device: the driver finds none")
    call("cuDeviceGet", ctypes.byref(device), 0)
    call("cuDeviceGetName", name, len(name), device)
    call("cuDeviceGetAttribute", ctypes.byref(value), MAJOR, device)
    major = value.value
    if major < 8:
        raise NoDevice("no CUDA device: %s is older than sm_80" % name.value.decode())
    return name.value.decode(), "sm_90" if major >= 9 else "sm_80"
