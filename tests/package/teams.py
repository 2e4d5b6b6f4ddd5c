"""What teams have before they know of tagship: the files of their repositories, and what they answer `init`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

HELLO = Path(__file__).parents[2] / "examples/hello"
APP = (HELLO / "app.py").read_text("utf-8")
GREETING = (HELLO / "hello.json").read_text("utf-8")
DOCKERFILE = """\
FROM python:3.12-slim
WORKDIR /srv
COPY . ./
USER nobody
"""
MAKEFILE = "test: ; @echo tested\ndeploy-dev: ; @echo by hand\ntag: ; @echo tagged by hand\n"
GO = """\
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
)

func answer(c net.Conn) { // by hand: to compile net/http takes a minute
	defer c.Close()
	in := bufio.NewReader(c)
	for line, err := in.ReadString('\\n'); err == nil && line != "\\r\\n"; line, err = in.ReadString('\\n') {
	}
	body := fmt.Sprintf("{\\"version\\": \\"%s\\"}", os.Getenv("VERSION"))
	fmt.Fprintf(c, "HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n%s", len(body), body)
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	for err == nil {
		var c net.Conn
		if c, err = l.Accept(); err == nil {
			go answer(c)
		}
	}
	panic(err)
}
"""
FUNCTION = """\
import os


def handler(event, context):
    return {"version": os.environ["VERSION"]}
"""
NODE = """\
const { createServer } = require("node:http");
const greeting = require("greeting");

createServer((request, answer) => {
  answer.setHeader("Content-Type", "application/json");
  answer.end(JSON.stringify(request.url === "/healthz" ? { version: process.env.VERSION } : { greeting }));
}).listen(Number(process.env.PORT), "127.0.0.1");
"""
PNPM_LOCK = """\
lockfileVersion: '9.0'

settings:
  autoInstallPeers: true
  excludeLinksFromLockfile: false

importers:

  .: {}

  packages/greeting: {}

  services/web:
    dependencies:
      greeting:
        specifier: workspace:*
        version: link:../../packages/greeting
"""
FLASK = """\
import os

from flask import Flask, redirect

app = Flask(__name__)


@app.get("/healthz")
def moved():
    return redirect("/status/health.json", code=308)


@app.get("/status/health.json")
def health():
    return {"version": os.environ["VERSION"]}


app.run(host="127.0.0.1", port=int(os.environ["PORT"]))
"""


@dataclass(frozen=True)
class Shape:
    """A repository, and what is asked for in it."""

    files: dict[str, str]
    flags: str = ""
    tags: tuple[str, ...] = ()
    deploy_dev: str = "deploy-dev"
    folder: str = "."  # where the last command is typed
    go: bool = False  # whether it needs Go
    branch: str = "main"
    name: str = "shop"  # of its folder


def answers(**flags: str) -> str:
    """Flags of `init`, as they are typed."""
    return " ".join(f"--{name} {shlex.quote(value)}" for name, value in flags.items())


SHAPES = {
    "a service without history or remote": Shape({"app.py": APP, "hello.json": GREETING}),
    "a service in a container, with v tags": Shape(
        {"app.py": APP, "hello.json": GREETING, "Dockerfile": DOCKERFILE + 'CMD ["python3", "app.py"]\n'},
        tags=("v1.2.3",),
    ),
    "a batch job whose team has a Makefile and a deploy folder": Shape(
        {
            "Dockerfile": DOCKERFILE + 'CMD ["sh", "job.sh"]\n',
            "job.sh": 'echo "ran $VERSION"\n',
            "Makefile": MAKEFILE,
            "deploy/ec2_deploy.sh": "echo 'the old way'; exit 1\n",
            ".github/workflows/deploy-dev.yml": "on: workflow_dispatch\njobs: {}\n",
        },
        flags="--kind job",
        deploy_dev="tagship-deploy-dev",
    ),
    "a service of ECS": Shape(
        {"app.py": APP, "hello.json": GREETING, "Dockerfile": DOCKERFILE + 'CMD ["python3", "app.py"]\n'},
        flags="--kind ecs",
    ),
    "a function of Lambda": Shape({"app.py": FUNCTION}, flags="--kind lambda"),
    "a service with a Procfile": Shape(
        {"server.py": APP, "hello.json": GREETING, "Procfile": "web: python3 server.py\n"}
    ),
    "an app like Django's, on master, in a path with a blank, with a deployment of its own for every push": Shape(
        {
            "manage.py": APP,
            "hello.json": GREETING,
            "requirements.txt": "Django>=5\n",
            "Makefile": "deploy-dev status deploy tag: ; touch deployed-for-real; exit 1\n",
            "deploy/deploy.sh": "exit 1\n",
            ".github/workflows/deploy.yml": (
                "name: deploy\non: push\njobs:\n  deploy: {runs-on: ubuntu-24.04, steps: [{run: make deploy}]}\n"
            ),
        },
        flags=answers(command="python3 manage.py"),
        deploy_dev="tagship-deploy-dev",
        branch="master",
        name="my shop",
    ),
    "a Go binary": Shape(
        {"main.go": GO, "go.mod": "module shop\n\ngo 1.22\n", ".gitignore": "/bin/\n"},
        flags=answers(build="CGO_ENABLED=0 go build -o bin/shop .", built="bin", command="bin/shop"),
        go=True,
    ),
    "a Node service in a subfolder of a pnpm workspace": Shape(
        {
            "package.json": '{"name": "shop", "private": true}\n',
            "pnpm-workspace.yaml": 'packages:\n  - "packages/*"\n  - "services/*"\n',
            "pnpm-lock.yaml": PNPM_LOCK,
            "packages/greeting/package.json": '{"name": "greeting", "version": "1.0.0", "main": "index.js"}\n',
            "packages/greeting/index.js": 'module.exports = "hello";\n',
            "services/web/package.json": '{"name": "web", "dependencies": {"greeting": "workspace:*"}}\n',
            "services/web/server.js": NODE,
            ".gitignore": "node_modules/\n/out/\n",
        },
        flags=answers(
            build="npx --yes pnpm@9.15.9 --config.node-linker=hoisted --filter web deploy --prod out",
            built="out",
            command="node out/server.js",
        ),
        folder="services/web",
    ),
    "a Flask service whose health endpoint redirects": Shape(
        {"app.py": FLASK, "requirements.txt": "flask==3.1.3\n", "start.sh": "PYTHONPATH=site exec python3 app.py\n"},
        flags=answers(
            build="python -m pip install --quiet --target site -r requirements.txt",
            built="site",
            command="sh start.sh",
            health="/status/health.json",
        ),
    ),
}
