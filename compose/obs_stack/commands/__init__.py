"""The sub-commands of `obs` that this room brings; each module holds one."""
