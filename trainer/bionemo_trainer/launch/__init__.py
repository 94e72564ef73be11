"""From a container or a workstation to the ranks of one node, and back to one exit code that means something."""
