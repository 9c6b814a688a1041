// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <exception>
#include <sstream>
#include <string>
#include <variant>

#include "config/load.h"
#include "daemon/cli.h"
#include "daemon/commands.h"
#include "daemon/errors.h"
#include "daemon/service_manager.h"
#include "daemon/text.h"
#include "db/errors.h"

namespace {

using namespace bounced::daemon;

// Each call takes and frees more than 100 kB of buffers. Where the C library gives them back to the system at once, as
// it does with what lies last in memory, the pages are cleared and mapped anew for each: a sixth of the daemon's time.
void keep_some_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 8 << 20);
}

// Keys are in memory: neither a core dump nor another process of the same user shall show them.
void hide_memory() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // the leak checker looks at it as a debugger does
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

int execute(const Arguments& arguments) {
  struct Command {
    const std::filesystem::path& config;
    int operator()(const RunOptions& options) const { return run(config, options); }
    int operator()(const SyncOptions& options) const { return sync(config, options); }
    int operator()(const CheckOptions& options) const { return check(config, options); }
    int operator()(const MigrateOptions& options) const { return migrate(config, options); }
    int operator()(const StatusOptions& options) const { return status(config, options); }
    int operator()(const WhyOptions& options) const { return why(config, options); }
    int operator()(const ShowText& show) const { return fmt::print("{}", show.text), well; }
  };
  return std::visit(Command{arguments.config}, arguments.command);
}

// On standard error; where that is the journal, as errors, which systemd tells by what each line begins with.
int tell(const std::exception& error, Exit code) {
  const char* priority = stderr_is_journal() ? "<3>" : "";
  std::istringstream lines(error.what());
  std::string begin = "bounced: ";
  for (std::string line; std::getline(lines, line); begin.clear())
    fmt::print(stderr, "{}{}{}\n", priority, begin, printable(line));
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  keep_some_freed_memory();
  hide_memory();
  try {
    return execute(parse_arguments(argc, argv));
  } catch (const MustChange& error) {
    return tell(error, needs_action);
  } catch (const bounced::config::Invalid& error) {
    return tell(error, needs_action);
  } catch (const bounced::db::NeedsAction& error) {
    return tell(error, needs_action);
  } catch (const std::exception& error) {
    return tell(error, failed);
  }
}
