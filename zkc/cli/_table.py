"""The table of all commands: where each is, and its line in ``zkc --help``.

``zkc --help`` reads this table and imports no command. A test compares each line with the command's own help.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COMMANDS", "SECTIONS", "SHELL_WORDS", "Entry"]


class Entry(NamedTuple):
    """One command. Its module has a click command of the name ``command``, or one of the name in ``attribute``."""

    section: str
    module: str
    help: str
    attribute: str = "command"


SECTIONS = {
    "read": "Read",
    "search": "Search",
    "write": "Write",
    "trees": "Trees",
    "watching": "Watch",
    "security": "Security",
    "coordination": "Coordination",
    "servers": "Servers",
    "health": "Health",
    "offline": "Files of a server, without a server",
    "programs": "Shell, screen and settings",
}

# Each section is a folder of zkc/cli.
COMMANDS: dict[str, Entry] = {
    "ls": Entry("read", "ls", "List the children of a znode."),
    "tree": Entry("read", "tree", "Draw a znode and its descendants as a tree."),
    "get": Entry("read", "get", "Print the data of znodes."),
    "stat": Entry("read", "stat", "Print the stat of znodes.", "stat"),
    "exists": Entry("read", "stat", "Tell by the exit code whether znodes exist.", "exists"),
    "count": Entry("read", "count", "Count the descendants of a znode."),
    "du": Entry("read", "du", "Sum up znodes and bytes below a znode."),
    "wide": Entry("read", "wide", "List the znodes with the most children."),
    "find": Entry("search", "find", "Find znodes by name, kind, owner, size or age."),
    "grep": Entry("search", "grep", "Search the data of a tree for a pattern."),
    "create": Entry("write", "create", "Create a znode."),
    "set": Entry("write", "set", "Set the data of a znode."),
    "edit": Entry("write", "edit", "Edit the data of a znode in an editor."),
    "json": Entry("write", "json", "Read or change one member of JSON data."),
    "touch": Entry("write", "touch", "Raise the version of znodes, and keep their data."),
    "rm": Entry("write", "rm", "Delete znodes."),
    "mv": Entry("write", "mv", "Move a znode and its descendants."),
    "txn": Entry("write", "txn", "Run operations as one transaction: all or none."),
    "cp": Entry("trees", "cp", "Copy a znode, a tree, or one ensemble's tree to another."),
    "sync": Entry("trees", "sync", "Make a tree equal to another, and write only differences."),
    "diff": Entry("trees", "diff", "Compare trees, dumps and snapshots."),
    "dump": Entry("trees", "dump", "Write a tree to a file."),
    "restore": Entry("trees", "restore", "Create the znodes that a dump holds."),
    "watch": Entry("watching", "watch", "Print changes of znodes and trees when they happen."),
    "wait": Entry("watching", "wait", "Wait for a znode to come, go, or have a value."),
    "acl": Entry("security", "acl", "Read, change and check ACLs."),
    "whoami": Entry("security", "whoami", "Print the identities of this session."),
    "digest": Entry("security", "digest", "Make the id of a user for a digest ACL."),
    "lock": Entry("coordination", "lock", "Run a command under a lock, or list and break locks."),
    "elect": Entry("coordination", "elect", "Run a command on the elected leader only."),
    "semaphore": Entry("coordination", "semaphore", "Run a command when a slot of a semaphore is free."),
    "barrier": Entry("coordination", "barrier", "Create, open and wait for a barrier."),
    "counter": Entry("coordination", "counter", "Read and change a shared counter."),
    "status": Entry("servers", "status", "Print the mode, version and load of each server."),
    "top": Entry("servers", "top", "Watch the servers' load on the full screen."),
    "4lw": Entry("servers", "four_letters", "Send a four-letter word to a server."),
    "admin": Entry("servers", "admin", "Ask the AdminServer for a command's answer."),
    "metrics": Entry("servers", "metrics", "Print the metrics of the servers."),
    "sessions": Entry("servers", "sessions", "List the sessions and connections of the servers.", "sessions"),
    "ephemerals": Entry("servers", "sessions", "List ephemeral znodes and the sessions that own them.", "ephemerals"),
    "watches": Entry("servers", "sessions", "List the watches that the servers hold.", "watches"),
    "quota": Entry("servers", "quota", "Read, set and remove quotas."),
    "config": Entry("servers", "config", "Print the ensemble's configuration.", "config"),
    "reconfig": Entry("servers", "config", "Change the ensemble's members.", "reconfig"),
    "snapshot": Entry("servers", "snapshot", "Take a snapshot of a server by its AdminServer."),
    "doctor": Entry("health", "doctor", "Find out what is wrong, and say what to do."),
    "bench": Entry("health", "bench", "Measure reads and writes of this ensemble.", "bench"),
    "latency": Entry("health", "bench", "Measure the time of single requests, one after the other.", "latency"),
    "snap": Entry("offline", "snap", "Read a server's snapshot files."),
    "txnlog": Entry("offline", "txnlog", "Read a server's transaction logs."),
    "shell": Entry("programs", "shell", "Work in an interactive shell."),
    "ui": Entry("programs", "ui", "Browse and change znodes on the full screen or in a web browser."),
    "profile": Entry("programs", "profile", "Manage profiles: the ensembles and how to connect."),
    "completion": Entry("programs", "completion", "Print the completion script for bash, zsh or fish."),
    "serve": Entry("programs", "serve", "Serve a ZooKeeper to try things out."),
    "version": Entry("programs", "version", "Print the versions of zkc and of the libraries inside."),
}

SHELL_WORDS = {
    "cd": "Change the folder: cd PATH, cd .., cd - (the one before).",
    "pwd": "Print the folder.",
    "auth": "Authenticate this session: auth digest:USER:FILE, with the password in FILE.",
    "jobs": "List the background watches, with their numbers.",
    "unwatch": "End background watches: unwatch [PATH or number].",
    "history": "Print the last lines, with their numbers: history [N].",
    "redo": "Run a line of the history again: redo N.",
    "clear": "Clear the screen.",
    "help": "Print this help; help COMMAND explains a command.",
    "exit": "Leave, as Ctrl-D does.",
    "quit": "The same as exit.",
}
"""The commands that only the shell has."""
