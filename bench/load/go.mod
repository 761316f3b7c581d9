module skerry.dev/bench/load

go 1.22
