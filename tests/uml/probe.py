#!/usr/bin/python3 -IS
"""Stands in for the helper in its unit and profile, and tries what a scenario asks for.

Probe(line) evaluates a line of Python in here and returns the result as text; an exception becomes a D-Bus error with
its name. It is what shows that the sandbox holds, and that every tool works in it.
"""
import ctypes
import errno
import io
import json
import mmap
import os
import signal
import socket
import subprocess
import tarfile

libc = ctypes.CDLL(None, use_errno=True)
systemd = ctypes.CDLL("libsystemd.so.0")
systemd.sd_bus_error_setf.restype = ctypes.c_int
BUS = ctypes.c_void_p()
NAME = b"org.intergenos.Forge1"
held = {}


class BusError(ctypes.Structure):
    """sd_bus_error."""
    _fields_ = [("name", ctypes.c_char_p), ("message", ctypes.c_char_p), ("need_free", ctypes.c_int)]


def good(result):
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def memfd(size):
    """A file in memory of this many bytes, and its path for a tool."""
    fd = os.memfd_create("probe", 0)
    os.ftruncate(fd, size)
    return fd, f"/proc/self/fd/{fd}"


def tool(*words, fds=(), text=b""):
    """Runs a tool as the helper does: by setpriv, without environment or shell."""
    words = ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--", *words]
    done = subprocess.run(words, input=text, capture_output=True, pass_fds=fds, timeout=80,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"})
    if done.returncode:
        raise RuntimeError(f"{words[4:]}: {done.returncode}: {done.stderr.decode()[-600:]}")
    return done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")


def take(disk, mode="rw"):
    """Asks UDisks2 for an exclusive descriptor of a disk."""
    error, reply, fd = BusError(), ctypes.c_void_p(), ctypes.c_int(-1)
    path = b"/org/freedesktop/UDisks2/block_devices/" + disk.encode()
    result = systemd.sd_bus_call_method(
        BUS, b"org.freedesktop.UDisks2", path, b"org.freedesktop.UDisks2.Block", b"OpenDevice", ctypes.byref(error),
        ctypes.byref(reply), b"sa{sv}", mode.encode(), ctypes.c_int(1), b"flags", b"i", ctypes.c_int(os.O_EXCL))
    if result < 0:
        raise RuntimeError(f"{error.name.decode()}: {error.message.decode()}")
    good(systemd.sd_bus_message_read_basic(reply, ctypes.c_char(b"h"), ctypes.byref(fd)))
    held[disk] = os.dup(fd.value)
    systemd.sd_bus_message_unref(reply)
    return held[disk]


def call(service, path, interface, member):
    """Calls a method without arguments."""
    error = BusError()
    result = systemd.sd_bus_call_method(BUS, service.encode(), path.encode(), interface.encode(), member.encode(),
                                        ctypes.byref(error), None, None)
    if result < 0:
        raise RuntimeError(f"{error.name.decode()}: {error.message.decode()}")
    return result


def inhibit():
    """Takes a logind inhibitor and gives it back."""
    error, reply, fd = BusError(), ctypes.c_void_p(), ctypes.c_int(-1)
    result = systemd.sd_bus_call_method(
        BUS, b"org.freedesktop.login1", b"/org/freedesktop/login1", b"org.freedesktop.login1.Manager", b"Inhibit",
        ctypes.byref(error), ctypes.byref(reply), b"ssss", b"shutdown:sleep", b"Forge", b"a test", b"block")
    if result < 0:
        raise RuntimeError(f"{error.name.decode()}: {error.message.decode()}")
    good(systemd.sd_bus_message_read_basic(reply, ctypes.c_char(b"h"), ctypes.byref(fd)))
    mode = os.fstat(fd.value).st_mode
    systemd.sd_bus_message_unref(reply)
    return oct(mode)


def polkit():
    """Asks polkit about this program's own unique name."""
    name, error, reply = ctypes.c_char_p(), BusError(), ctypes.c_void_p()
    good(systemd.sd_bus_get_unique_name(BUS, ctypes.byref(name)))
    result = systemd.sd_bus_call_method(
        BUS, b"org.freedesktop.PolicyKit1", b"/org/freedesktop/PolicyKit1/Authority",
        b"org.freedesktop.PolicyKit1.Authority", b"CheckAuthorization", ctypes.byref(error), ctypes.byref(reply),
        b"(sa{sv})sa{ss}us", b"system-bus-name", ctypes.c_int(1), b"name", b"s", name,
        b"org.intergenos.Forge1.inspect", ctypes.c_int(0), ctypes.c_int(0), b"")
    if result < 0:
        raise RuntimeError(f"{error.name.decode()}: {error.message.decode()}")
    systemd.sd_bus_message_unref(reply)
    return "answered"


def state():
    """Makes a small ext4 with a file in it."""
    fd, path = memfd(64 << 20)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        directory = tarfile.TarInfo("etc")
        directory.type = tarfile.DIRTYPE
        tar.addfile(directory)
        entry = tarfile.TarInfo("etc/hostname")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"forge"))
    said = tool("/usr/sbin/mke2fs", "-F", "-q", "-t", "ext4", "-E", "nodiscard", "-d", "-", path, fds=[fd],
                text=stream.getvalue())
    os.close(fd)
    return said


def esp():
    """Makes a small FAT with a file in it, and checks it."""
    fd, path = memfd(64 << 20)
    content, source = memfd(1 << 20)
    tool("/usr/sbin/mkfs.fat", "-F", "32", path, fds=[fd])
    tool("/usr/bin/mmd", "-i", path, "::/EFI", fds=[fd])
    tool("/usr/bin/mcopy", "-i", path, source, "::/EFI/boot.efi", fds=[fd, content])
    said = tool("/usr/sbin/fsck.fat", "-n", path, fds=[fd])
    os.close(fd)
    os.close(content)
    return said


def uki():
    """Builds a boot image in memory and signs it, as the engine does; systemd's stub plays the kernel."""
    stub = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
    sources = [stub, "/usr/share/forge/test.crt", "/usr/share/forge/test.crt", "/usr/share/forge/test.key"]
    fds = [memfd(0) for _ in range(6)]
    for (fd, path), source in zip(fds, sources):
        with open(source, "rb") as file:
            os.write(fd, file.read())
    (_, kernel), (_, initrd), (_, certificate), (_, key), (_, image), (last, signed) = fds
    every = [fd for fd, _ in fds]
    said = tool("/usr/bin/ukify", "build", "--uname", "7.2.7", f"--linux={kernel}", f"--initrd={initrd}",
                "--os-release=ID=forge", "--cmdline=quiet", f"--output={image}", fds=every)
    said += tool("/usr/bin/sbsign", "--key", key, "--cert", certificate, "--output", signed, image, fds=every)
    size = os.fstat(last).st_size
    for fd in every:
        os.close(fd)
    return said + str(size)


def kernel_log():
    """What the kernel looked for in vain, as the helper reads it."""
    said = tool("/usr/bin/journalctl", "--no-pager", "--quiet", "--output=json", "--lines=1", "--output-fields=_BOOT_ID",
                "_TRANSPORT=kernel")
    boot = json.loads(said.splitlines()[0])["_BOOT_ID"]
    return tool("/usr/bin/journalctl", "--no-pager", "--quiet", "--output=json", "--lines=2000",
                "--output-fields=MESSAGE", "--grep=firmware", f"_BOOT_ID={boot}", "_TRANSPORT=kernel")


def rescan(disk):
    """Asks UDisks2 to have the kernel read the partition table again."""
    error, path = BusError(), b"/org/freedesktop/UDisks2/block_devices/" + disk.encode()
    result = systemd.sd_bus_call_method(
        BUS, b"org.freedesktop.UDisks2", path, b"org.freedesktop.UDisks2.Block", b"Rescan", ctypes.byref(error), None,
        b"a{sv}", ctypes.c_int(0))
    if result < 0:
        raise RuntimeError(f"{error.name.decode()}: {error.message.decode()}")
    return result


def give_back(disk):
    os.close(held.pop(disk))


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def answer(message):
    line = ctypes.c_char_p()
    good(systemd.sd_bus_message_read_basic(message, ctypes.c_char(b"s"), ctypes.byref(line)))
    try:
        result = eval(line.value.decode(), globals())  # a test asks; nobody else can
    except OSError as error:
        text = f"{errno.errorcode.get(error.errno, error.errno)}: {error}"
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
    else:
        return systemd.sd_bus_reply_method_return(message, b"s", str(result).encode())
    return systemd.sd_bus_reply_method_errorf(message, b"org.intergenos.Forge1.Error.Probe", b"%s", text.encode())


def main():
    # As process 1 of its own table, it would not hear a signal that it has no handler for.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    good(systemd.sd_bus_open_system(ctypes.byref(BUS)))
    good(systemd.sd_bus_request_name(BUS, NAME, ctypes.c_uint64(0)))
    while True:
        message = ctypes.c_void_p()
        if good(systemd.sd_bus_process(BUS, ctypes.byref(message))) == 0:
            good(systemd.sd_bus_wait(BUS, ctypes.c_uint64(2**64 - 1)))
        elif message:
            if systemd.sd_bus_message_is_method_call(message, b"org.intergenos.Forge1.Manager", b"Probe"):
                good(answer(message))
            systemd.sd_bus_message_unref(message)


main()
