"""Runs a command of which nothing is known to be good: no network, no secrets, no files but its own, bounded.

    runner      the service's side: starts `child`, hands it a Policy, gets an Outcome
    child       supervises the command from outside its confinement: time, memory, processes, output
    confine     what a process does to itself before the command: namespaces, Landlock, limits
    seccomp     the filter of system calls

All but `runner` need the standard library only, and run in an interpreter that sees nothing else.
"""
