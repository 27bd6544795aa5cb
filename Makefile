# Everything starts here: `make demo` to see it, `make test` to trust it. Both install the Debian packages
# that are missing and run a private PostgreSQL of their own under .state/; what they do is in deploy/setup/.

.DEFAULT_GOAL := help
.PHONY: help demo firstbuild test fmt bench score screenshots fuzz torture prepare clean

help: ## say what can be made
	@grep -hE '^[a-z]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+): .*## /make \1\t/' | expand -t 16

demo: ## run broker, engine, console and a simulated fleet; Ctrl-C stops, again continues
	@deploy/setup/demo.sh

firstbuild: ## measure what the first build of the demo takes, from nothing
	@deploy/setup/first_build.sh

test: ## format check, lints, build and every test, on a throw-away database
	@deploy/setup/test.sh

fmt: ## format all Rust code
	@cargo fmt --all

bench: ## measure and write target/bench.json
	@deploy/setup/bench.sh

score: ## measure what is found and forecast; write target/score.json and score.html
	@deploy/setup/score.sh

screenshots: ## look at every page in a real browser; renews the pictures of the README
	@deploy/setup/test.sh console
	@mkdir -p tests/screenshots
	@cp $(addprefix target/screenshots/,board-desk-en.png order-desk-en.png vehicle-desk-en.png order-phone-zh-CN.png) tests/screenshots/

fuzz: ## ten minutes of every kind of input that people write: no panic, no hang
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-600} cargo test --quiet --workspace --test fuzz -- --test-threads 1 --nocapture

torture: ## the promises again, with many more seeds and kills
	@deploy/setup/torture.sh

prepare: ## check all queries against the migrations and rewrite engine/.sqlx
	@deploy/setup/prepare.sh

clean: ## stop the private clusters and forget all state of this checkout
	@deploy/setup/clean.sh
