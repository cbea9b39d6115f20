"""The connection manager of FastAPI's WebSocket tutorial, with rooms: every message goes to all
others in the room."""

from collections import defaultdict

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


class ConnectionManager:
    def __init__(self) -> None:
        self.rooms: dict[str, list[WebSocket]] = defaultdict(list)

    async def connect(self, room: str, websocket: WebSocket) -> None:
        await websocket.accept()
        self.rooms[room].append(websocket)

    def disconnect(self, room: str, websocket: WebSocket) -> None:
        self.rooms[room].remove(websocket)
        if not self.rooms[room]:
            del self.rooms[room]

    async def broadcast(self, room: str, message: str, sender: WebSocket) -> None:
        for connection in list(self.rooms.get(room, [])):
            if connection is not sender:
                await connection.send_text(message)


manager = ConnectionManager()


@app.websocket("/ws/{room}")
async def signal(websocket: WebSocket, room: str) -> None:
    await manager.connect(room, websocket)
    await manager.broadcast(room, "joined", websocket)
    try:
        while True:
            message = await websocket.receive_text()
            await manager.broadcast(room, message, websocket)
    except WebSocketDisconnect:
        manager.disconnect(room, websocket)
        await manager.broadcast(room, "left", websocket)
