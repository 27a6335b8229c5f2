#!/usr/bin/python3
"""Exits with 0 when the kernel refuses the helper's profile a D-Bus name that no rule allows."""
import ctypes
import sys

apparmor = ctypes.CDLL("libapparmor.so.1")
CLASS_DBUS, ACQUIRE = 32, 0x40
question = b"label\0forge-helper\0" + bytes([CLASS_DBUS]) + b"system\0org.example.Other"
allowed, audited = ctypes.c_int(1), ctypes.c_int()
buffer = ctypes.create_string_buffer(question, len(question))
result = apparmor.aa_query_label(
    ACQUIRE, buffer, ctypes.c_size_t(len(question)), ctypes.byref(allowed), ctypes.byref(audited))
sys.exit(result != 0 or allowed.value != 0)
