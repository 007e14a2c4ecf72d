"""Creates settings and hooks that were not there. A mask may take the writing; on the host nothing may be left."""
import os
import shutil

PATHS = [
    ".claude/settings.json", ".claude/settings.local.json", ".mcp.json", ".vscode/tasks.json", ".vscode/settings.json",
    ".cursor/mcp.json", ".codex/config.toml", ".gemini/settings.json", ".agents/config", ".git/hooks/post-checkout", ".envrc",
    ".idea/workspace.xml", ".CLAUDE/settings.json", ".mab/policy.toml",
]


def plain(path):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as file:
        file.write("{}\n")


def moved(path):
    os.makedirs("made/" + (os.path.dirname(path) or "."), exist_ok=True)
    with open("made/" + path, "w") as file:
        file.write("{}\n")
    top = path.split("/")[0]
    os.rename("made/" + top, top)


def linked(path):
    os.makedirs("elsewhere", exist_ok=True)
    with open("elsewhere/file", "w") as file:
        file.write("{}\n")
    top, *below = path.split("/")
    os.symlink("elsewhere" if below else "elsewhere/file", top)


def hard(path):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    os.link("elsewhere/file", path)


for path in PATHS:
    for way in (plain, moved, linked, hard):
        try:
            way(path)
            print("WROTE", path, way.__name__)
        except OSError as error:
            print("CLOSED", path, way.__name__, error.strerror)
        shutil.rmtree("made", ignore_errors=True)
