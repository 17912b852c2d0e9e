// SPDX-License-Identifier: Apache-2.0
#include "base/event_loop.hpp"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <future>

namespace sluice {
namespace {

TEST(EventLoop, RunsOnAThreadOfItsOwnUntilItIsStopped) {
  EventLoop loop;
  loop.start("test-loop");
  std::promise<std::thread::id> ran;
  asio::post(loop.context(), [&] { ran.set_value(std::this_thread::get_id()); });
  EXPECT_NE(ran.get_future().get(), std::this_thread::get_id());
  loop.stop();
  loop.stop();
}

TEST(EventLoop, AMovedSocketKeepsItsBytesAndItsOptions) {
  for (const tcp::endpoint& address :
       {tcp::endpoint(asio::ip::address_v4::loopback(), 0), tcp::endpoint(asio::ip::address_v6::loopback(), 0)}) {
    asio::io_context here;
    tcp::acceptor acceptor(here, address);
    tcp::socket peer(here), socket(here);
    peer.connect(acceptor.local_endpoint());
    acceptor.accept(socket);
    socket.set_option(tcp::no_delay(true));
    asio::write(peer, asio::buffer("early", 5));
    bool cancelled = false;
    socket.async_wait(tcp::socket::wait_error,
                      [&](boost::system::error_code code) { cancelled = code == asio::error::operation_aborted; });

    EventLoop loop;
    loop.start("test-loop");
    Result<tcp::socket> moved = move_to(loop.context().get_executor(), std::move(socket));
    ASSERT_TRUE(moved) << moved.error().message;
    here.run();
    EXPECT_TRUE(cancelled);
    tcp::no_delay option;
    moved->get_option(option);
    EXPECT_TRUE(option.value());
    EXPECT_EQ(moved->local_endpoint(), peer.remote_endpoint());

    std::string text(9, '\0');
    std::promise<std::size_t> read;
    asio::async_read(*moved, asio::buffer(text),
                     [&](boost::system::error_code, std::size_t size) { read.set_value(size); });
    asio::write(peer, asio::buffer("late", 4));
    EXPECT_EQ(read.get_future().get(), 9u);
    EXPECT_EQ(text, "earlylate");
    loop.stop();
  }
}

TEST(EventLoop, WhatIsNoSocketIsNotAdopted) {
  asio::io_context io;
  EXPECT_FALSE(adopt(io.get_executor(), UniqueFd()));
  EXPECT_FALSE(move_to(io.get_executor(), tcp::socket(io)));
}

}  // namespace
}  // namespace sluice
