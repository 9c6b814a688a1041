// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include "tests/simulator/record.h"
#include "tests/simulator/transport.h"

namespace bounced::simulator {

// Listens on 127.0.0.1, and gives each connection a thread.
class Server {
 public:
  using Handler = std::function<void(Transport&, std::uint64_t connection)>;  // may throw Gone

  // Port 0 is any free one. The handler runs on many threads.
  Server(std::uint16_t port, Context context, Record& record, Handler handler);
  ~Server() { stop(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  void start();
  void stop();  // resets every connection

  void set_context(Context context);
  void reset_next(std::uint64_t connections);
  void close_idle();
  void ring_all();

 private:
  struct Connection {
    std::unique_ptr<Transport> transport;  // null when it has ended
    std::thread thread;
  };

  void accept_all();
  void take(Descriptor socket);
  void run(Connection& connection, Transport& transport);
  void join_ended();

  Record& record_;
  const Handler handler_;
  std::uint16_t port_;
  Descriptor listener_;
  std::thread acceptor_;
  std::mutex start_stop_;  // held while the server starts or stops
  std::mutex mutex_;       // of what follows
  Context context_;
  std::uint64_t to_reset_ = 0;
  std::list<Connection> connections_;
};

}  // namespace bounced::simulator
