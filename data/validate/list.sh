#!/bin/sh
# The files of a directory below data/, for meson, which has no wildcards.
cd "$(dirname "$0")/.." && ls "$1"/*
