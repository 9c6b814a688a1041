// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "tests/simulator/control.h"
#include "tests/simulator/simulator.h"

namespace {

using bounced::simulator::Simulator;

bool read_number(const std::string& text, std::size_t from, std::size_t to, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data() + from, text.data() + to, number);
  return error == std::errc{} && end == text.data() + to;
}

// NAME=COUNT[:SEED]
void generate(Simulator& simulator, const std::string& text) {
  const std::size_t equals = text.rfind('=');
  const std::size_t colon = text.find(':', equals);
  std::uint64_t count = 0;
  std::uint64_t seed = 1;
  if (equals == text.npos || equals == 0 || !read_number(text, equals + 1, std::min(colon, text.size()), count) ||
      (colon != text.npos && !read_number(text, colon + 1, text.size(), seed))) {
    throw CLI::ValidationError("--customer", "\"" + text + "\" is not NAME=COUNT[:SEED]");
  }
  simulator.generate(text.substr(0, equals), seed, count);
}

// PREFIX=COUNT:BOUNCES: customers PREFIX0, PREFIX1, ...
void generate_many(Simulator& simulator, const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::size_t colon = text.find(':', equals);
  std::uint64_t count = 0;
  std::uint64_t bounces = 0;
  if (equals == text.npos || colon == text.npos || !read_number(text, equals + 1, colon, count) ||
      !read_number(text, colon + 1, text.size(), bounces)) {
    throw CLI::ValidationError("--customers", "\"" + text + "\" is not PREFIX=COUNT:BOUNCES");
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    simulator.generate(text.substr(0, equals) + std::to_string(i), i + 1, bounces);
  }
}

}  // namespace

int main(int argc, char** argv) {
  bounced::simulator::Options options{.keep_calls = 0};
  std::string ca_file;
  std::vector<std::string> customers;
  std::vector<std::string> many;
  std::string own;
  bool no_tls = false;
  bool no_gzip = false;
  CLI::App app("A stand-in for SendGrid's v2 and v3 APIs on 127.0.0.1, with made-up bounce lists.",
               "bounced-simulator");
  app.add_option("--port", options.port, "port to listen on; 0: any free one");
  app.add_flag("--no-tls", no_tls, "HTTP instead of HTTPS");
  app.add_option("--ca-file", ca_file, "where to write the certificate that clients must trust");
  app.add_option("--user", options.user, "the account's api_user")->capture_default_str();
  app.add_option("--key", options.key, "the account's api_key")->capture_default_str();
  app.add_option("--own", own, "the account's own customer, whom a call of v3 is about that names none");
  app.add_option("--time-zone", options.time_zone, "in which the account's days begin")->capture_default_str();
  app.add_option("--customer", customers, "a customer with COUNT bounces: NAME=COUNT[:SEED]; may be repeated");
  app.add_option("--customers", many, "COUNT customers with BOUNCES bounces each: PREFIX=COUNT:BOUNCES");
  app.add_flag("--no-gzip", no_gzip, "never compress");

  // Before there are threads, so that it is here that the signals arrive.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  try {
    app.parse(argc, argv);
    options.tls = !no_tls;
    Simulator simulator(options);
    if (!own.empty()) simulator.set_own_customer(options.user, own);
    for (const std::string& customer : customers) generate(simulator, customer);
    for (const std::string& text : many) generate_many(simulator, text);
    if (no_gzip) simulator.set_gzip(bounced::simulator::Gzip::never);
    bounced::simulator::Control control(simulator);
    simulator.set_hook([&](const auto& call) { return control(call); });
    if (!ca_file.empty()) {
      std::filesystem::copy_file(simulator.ca_file(), ca_file, std::filesystem::copy_options::overwrite_existing);
    }
    std::cout << "listening on " << simulator.base_url() << std::endl;
    int signal = 0;
    sigwait(&stop, &signal);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::cerr << "bounced-simulator: " << error.what() << std::endl;
    return 1;
  }
}
