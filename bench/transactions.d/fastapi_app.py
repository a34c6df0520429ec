# The same on FastAPI with asyncpg: DATABASE_URL=… uvicorn fastapi_app:app --no-access-log
import os
import random
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app):
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10) as app.pool:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/transfer")
async def transfer():
    source = random.randrange(5000)
    target = source + 5000
    async with app.pool.acquire() as connection, connection.transaction():
        made = await connection.fetchval(
            "INSERT INTO transfers (source, target, cents) VALUES ($1, $2, $3) RETURNING id", source, target, 1)
        await connection.execute("UPDATE accounts SET cents = cents - $2 WHERE id = $1", source, 1)
        await connection.execute("UPDATE accounts SET cents = cents + $2 WHERE id = $1", target, 1)
    return {"id": made}
