// A server with every behaviour that tests want to see, told by options of its own:
// --test-NAME=NUMBER or --test-NAME=TEXT, beside Brigade's.
#pragma once

#include <brigade/app.hpp>

#include <cstdint>
#include <map>
#include <string>

struct TestOptions {
  std::map<std::string, std::string> values;
  bool has(const std::string& name) const { return values.contains(name); }
  long number(const std::string& name, long otherwise) const;
};

void add_routes(brigade::App& app);
