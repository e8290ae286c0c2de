from __future__ import annotations

from alembic.script import ScriptDirectory

from remit.migrate import alembic_config


def test_there_is_one_migration_head() -> None:
    heads = ScriptDirectory.from_config(alembic_config("postgresql://")).get_heads()
    assert len(heads) == 1, f"two branches of the schema: {heads}; give one of them the other as down_revision"
