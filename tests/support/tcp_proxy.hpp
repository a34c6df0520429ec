#pragma once

#include <memory>

namespace signalbox::test {

/// A network between a client and a server on 127.0.0.1 that can be cut. Nobody is told of that:
/// connections stay open and take what is sent, new ones are made, and nothing comes through.
class TcpProxy {
  public:
    explicit TcpProxy(int target_port);
    ~TcpProxy();
    TcpProxy(const TcpProxy&) = delete;
    TcpProxy& operator=(const TcpProxy&) = delete;

    int port() const { return port_; }

    void cut();
    /// All that was held up goes on.
    void mend();
    /// What was open stays silent for ever on the client's side, as behind a firewall that forgot
    /// it; the server's side is closed. New connections pass.
    void mend_and_forget();

  private:
    struct State;
    std::unique_ptr<State> state_;
    int port_ = 0;
};

}  // namespace signalbox::test
