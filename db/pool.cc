// SPDX-License-Identifier: Apache-2.0
#include "db/pool.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <condition_variable>
#include <exception>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "db/session.h"
#include "db/waiting.h"

namespace asio = boost::asio;

namespace bounced::db {
namespace {

using Clock = std::chrono::steady_clock;

boost::system::system_error closed() {
  return boost::system::system_error(asio::error::operation_aborted, "the connection pool is closed");
}

// A semaphore for the coroutines of one thread, first come, first served. Waiting for it can be cancelled.
class Turnstile {
 public:
  Turnstile(asio::any_io_executor io, int places) : free_(places), waiting_(std::move(io)) {}

  asio::awaitable<void> enter() {
    if (closed_) throw closed();
    if (free_ > 0) {
      --free_;
      co_return;
    }
    // Passes the place on where the frame goes between the release and the resumption.
    Visitor visitor(*this);
    const Waited waited = co_await visitor.waiter.wait();
    if (closed_) throw closed();
    if (waited != Waited::released) throw boost::system::system_error(asio::error::operation_aborted);
    visitor.admitted = false;  // the place is the caller's now
  }

  void leave() {
    ++free_;
    while (free_ > 0 && !visitors_.empty()) {
      --free_;
      Visitor& next = *visitors_.front();
      visitors_.pop_front();
      next.admitted = true;
      WaitList::release(next.waiter);
    }
  }

  void close() {
    closed_ = true;
    waiting_.cancel_all();
  }

 private:
  struct Visitor {
    explicit Visitor(Turnstile& at) : turnstile(at), waiter(at.waiting_) { turnstile.visitors_.push_back(this); }
    ~Visitor() {
      turnstile.visitors_.remove(this);
      if (admitted) turnstile.leave();
    }
    Visitor(const Visitor&) = delete;
    Visitor& operator=(const Visitor&) = delete;
    Turnstile& turnstile;
    WaitList::Waiter waiter;
    bool admitted = false;
  };

  int free_;
  bool closed_ = false;
  WaitList waiting_;
  std::list<Visitor*> visitors_;
};

// A thread with at most one session, which is made, used and destroyed on that thread.
class Worker {
 public:
  using Work = std::function<void(Session&)>;
  using Done = std::function<void(std::exception_ptr)>;

  Worker(const Options& options, Clock::duration renew_after) : options_(options), renew_after_(renew_after) {}

  // work must live until done is called, on the worker's thread.
  void start(const Work& work, Done done) {
    const std::lock_guard lock(mutex_);
    if (stop_) throw closed();
    if (job_) throw std::logic_error("a lease runs one piece of work at a time");
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    job_.emplace(Job{&work, std::move(done)});
    wake_.notify_one();
  }

  // The lease has ended: the session may be renewed.
  void release() {
    const std::lock_guard lock(mutex_);
    bound_ = false;
    wake_.notify_one();
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    wake_.notify_one();
  }

  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  struct Job {
    const Work* work;
    Done done;
  };

  void run() {
    std::unique_lock lock(mutex_);
    while (job_ || !stop_) {
      if (job_) {
        const Job job = *std::move(job_);
        lock.unlock();
        std::exception_ptr error = run_job(*job.work);
        lock.lock();
        job_.reset();  // before the coroutine can start the next
        job.done(std::move(error));
      } else if (!session_ || bound_) {
        wake_.wait(lock);
      } else if (wake_.wait_until(lock, renew_at_); !job_ && Clock::now() >= renew_at_) {
        lock.unlock();
        session_.reset();
        lock.lock();
      }
    }
    lock.unlock();
    session_.reset();
  }

  std::exception_ptr run_job(const Work& work) {
    try {
      prepare_session();
      bound_ = true;
      work(*session_);
      return nullptr;
    } catch (...) {
      // The failure tells that the session broke; after a success, that is left to the next run.
      if (session_ && session_->broken()) drop_session();
      return std::current_exception();
    }
  }

  void prepare_session() {
    const bool usable = session_ && session_->usable();
    if (bound_ && !usable) {
      drop_session();
      throw Unavailable("the connection to the database broke between two uses");
    }
    if (usable && (bound_ || Clock::now() < renew_at_)) return;
    session_.reset();
    session_ = std::make_unique<Session>(options_);
    renew_at_ = Clock::now() + renew_after_;
  }

  void drop_session() {
    session_.reset();
    bound_ = false;
  }

  const Options& options_;
  const Clock::duration renew_after_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Job> job_;  // stays while it runs
  bool stop_ = false;
  std::thread thread_;
  // The thread's own while a job runs: a lease has used the session, so its next work must find the same, or be told.
  bool bound_ = false;
  // The thread's own.
  std::unique_ptr<Session> session_;
  Clock::time_point renew_at_;
};

}  // namespace

struct Pool::Impl {
  Impl(const asio::any_io_executor& executor, Options connect_options, int connections, Clock::duration renew_after)
      : io(executor),
        options(std::move(connect_options)),
        free_connections(io, connections),
        staging(io, std::max(1, connections / 2)) {
    for (int i = 0; i < connections; ++i) idle.push_back(&workers.emplace_back(options, renew_after));
  }

  const asio::any_io_executor io;
  const Options options;
  std::list<Worker> workers;
  std::vector<Worker*> idle;  // the last that was used is the next, so that no more sessions are open than needed
  Turnstile free_connections;
  Turnstile staging;
};

struct Pool::Lease::State {
  // Takes a connection, for which the caller has passed the turnstile.
  explicit State(std::shared_ptr<Impl> pool) : impl(std::move(pool)), worker(impl->idle.back()) {
    impl->idle.pop_back();
  }
  ~State() {
    worker->release();
    impl->idle.push_back(worker);
    impl->free_connections.leave();
    if (stages) impl->staging.leave();
  }

  std::shared_ptr<Impl> impl;
  Worker* worker;
  bool stages = false;
};

Pool::Lease::Lease(std::unique_ptr<State> state) : state_(std::move(state)) {}
Pool::Lease::Lease(Lease&&) noexcept = default;
Pool::Lease& Pool::Lease::operator=(Lease&&) noexcept = default;
Pool::Lease::~Lease() = default;

// Not co_spawn on a thread pool: that has a data race, and ends the process when the waiting coroutine is cancelled.
// This operation ignores cancellation; work stays in this frame, which lives until the worker has told its end.
asio::awaitable<void> Pool::Lease::run_erased(std::function<void(Session&)> work) {
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
      [this, &work](auto handler) {
        const auto kept = std::make_shared<decltype(handler)>(std::move(handler));
        const auto resume = [io = state_->impl->io, kept](std::exception_ptr error) mutable {
          asio::post(io, [kept = std::move(kept), error = std::move(error)]() mutable {
            auto resumed = std::move(*kept);
            kept.reset();
            resumed(std::move(error));
          });
        };
        try {
          state_->worker->start(work, resume);
        } catch (...) {
          auto refused = resume;
          refused(std::current_exception());
        }
      },
      asio::use_awaitable);
}

Pool::Pool(asio::any_io_executor io, Options options, int connections, Clock::duration renew_after)
    : impl_(std::make_shared<Impl>(io, std::move(options), connections, renew_after)) {}

Pool::~Pool() {
  impl_->free_connections.close();
  impl_->staging.close();
  for (Worker& worker : impl_->workers) worker.stop();
  for (Worker& worker : impl_->workers) worker.join();
}

asio::awaitable<Pool::Lease> Pool::lease() {
  const std::shared_ptr<Impl> impl = impl_;  // the pool may go while we wait
  co_await impl->free_connections.enter();
  co_return Lease(std::make_unique<Lease::State>(impl));
}

asio::awaitable<Pool::Lease> Pool::staging_lease() {
  const std::shared_ptr<Impl> impl = impl_;
  co_await impl->staging.enter();
  const auto leave = [](Turnstile* turnstile) { turnstile->leave(); };
  std::unique_ptr<Turnstile, decltype(leave)> place(&impl->staging, leave);
  co_await impl->free_connections.enter();
  auto state = std::make_unique<Lease::State>(impl);
  (void)place.release();
  state->stages = true;
  co_return Lease(std::move(state));
}

}  // namespace bounced::db
