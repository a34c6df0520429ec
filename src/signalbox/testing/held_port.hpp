#pragma once

#include <string>

namespace signalbox::test {

/// A TCP port for a server of this test, or for nobody, for as long as this object lives.
///
/// It is bound for all addresses, so the kernel gives it to nobody who asks for any port and to no
/// outgoing connection. It does not listen: connections are refused until a server does, and again
/// when that has ended. The server has to set SO_REUSEADDR, as this does; the service, PostgreSQL,
/// PgBouncer, Prometheus, ChromeDriver and HAProxy all do.
class HeldPort {
  public:
    /// Chosen by the kernel. Throws std::system_error when there is none.
    HeldPort();
    ~HeldPort();
    HeldPort(const HeldPort&) = delete;
    HeldPort& operator=(const HeldPort&) = delete;

    int number() const { return number_; }
    std::string text() const { return std::to_string(number_); }

  private:
    int socket_ = -1;
    int number_ = 0;
};

}  // namespace signalbox::test
