# A bot with its database in a volume: made, migrated and private at the first start.
#   docker build -t my-bot . && docker run -it -v ./data:/app/data my-bot
# Put your bot in the place of examples/echo_bot.py.
FROM python:3.12-slim

WORKDIR /app
RUN useradd --create-home --uid 10001 appuser \
 && install -d -o appuser -g appuser -m 0700 /app/data

COPY pyproject.toml README.md LICENSE ./
COPY sqlstore ./sqlstore
COPY sql ./sql
COPY migrations_sql ./migrations_sql
RUN pip install --no-cache-dir .
COPY examples ./examples

USER appuser
VOLUME /app/data
ENV SQLSTORE_URL=sqlite:////app/data/bot.db \
    PYTHONUNBUFFERED=1

# The bot starts on tables that are up to date, or not at all.
ENTRYPOINT ["/bin/sh", "-c", "python -m sqlstore.migrate up --store chatbot --wait 30 && exec \"$@\"", "--"]
CMD ["python", "examples/echo_bot.py"]
