"""The suite needs torch and megatron-core."""

from testkit.megatron_suite import *  # noqa: F403  pytest finds fixtures by their names here
