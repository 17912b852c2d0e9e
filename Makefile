# SPDX-License-Identifier: Apache-2.0
#
# Every verb of the project; `make help` lists them.  The module is built by kbuild in copies of its
# sources (tools/lab.d/kmod), userspace by CMake in build/userspace.

.DEFAULT_GOAL := all
BUILD ?= build
JOBS ?= $(shell nproc)
PREFIX ?= /usr
export JOBS

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z_.]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: all
all: module userspace ## build the module for the installed stock kernel, and userspace

.PHONY: module
module: ## build sluice.ko (KERNEL=stock, 6.12, uml, debug or an image)
	@tools/lab.d/kmod -k $(or $(KERNEL),stock)

$(BUILD)/userspace/build.ninja: CMakeLists.txt
	cmake -S . -B $(BUILD)/userspace -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DBUILD_TESTING=OFF

.PHONY: userspace
userspace: $(BUILD)/userspace/build.ninja ## build sluiced, sluice-agent, sluice-client, sluice-kds, sluice and sluice-pki
	@flock $(BUILD)/userspace nice cmake --build $(BUILD)/userspace -j $(JOBS)

.PHONY: demo
demo: ## show it: the same connections direct and through the gateway, in a table
	@tools/install-packages
	@tools/demo

.PHONY: check
check: ## run every test on every kernel (builds the debug kernels once)
	@tools/install-packages
	@selftests/run check

.PHONY: conformance
conformance: ## scan all 65,535 ports direct and through, every destination (more than an hour)
	@tools/install-packages
	@selftests/run -k stock conformance

.PHONY: fuzz
fuzz: ## fuzz what reads bytes of strangers (SECONDS=, for each target; 600)
	@tools/install-packages
	@selftests/fuzz/run $(or $(SECONDS),600)

.PHONY: bench
bench: ## measure connect times, throughput and memory against ssh and sshuttle
	@tools/install-packages
	@selftests/bench/run -k $(or $(KERNEL),stock)

.PHONY: style
style: ## checkpatch, sparse, W=1, shellcheck, generated files up to date
	@selftests/style

.PHONY: uapi
uapi: ## make the files that come from uapi/sluice.yaml
	uapi/gen.py

.PHONY: compile_commands.json
compile_commands.json: $(BUILD)/userspace/build.ninja ## make the compilation database of userspace and the module
	@tools/compile-commands $@

.PHONY: install
install: userspace ## install the module, for the running kernel, and the programs (DESTDIR=, PREFIX=/usr, KERNEL=)
	@tools/install-tree "$(DESTDIR)" "$(PREFIX)" $(KERNEL)

.PHONY: clean
clean: ## remove what was built (the cache of kernels stays)
	rm -rf $(BUILD) compile_commands.json
