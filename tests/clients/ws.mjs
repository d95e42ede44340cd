// npm ws: it comes back with the place of the last frame.
import WebSocket from "ws";
import { Answer, session, url } from "./answer.mjs";

const answer = new Answer();
let place = "0";
let over = false;

function follow() {
  const target = `${url.replace("http", "ws")}/v1/session/${session}/stream?until=final&after=${place}`;
  const socket = new WebSocket(target);
  socket.on("message", (data) => {
    const { id, type } = JSON.parse(data);
    place = id;
    over ||= answer.take(type, String(data));
  });
  socket.on("error", () => {});
  socket.on("close", (code) => {
    if (over && code === 1000) answer.end();
    else setTimeout(follow, 200);
  });
}

follow();
