"""how strongly somebody signed in, what an app asked to know, and keys that are published before they sign"""

from alembic import op
import sqlalchemy as sa


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

ASKED = ("authorization_codes", "sign_ins")


def upgrade() -> None:
    for table in ASKED:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column('acr', sa.String(length=64), nullable=True))
            batch_op.add_column(sa.Column('claims', sa.JSON(), nullable=True))
    with op.batch_alter_table('signing_keys', schema=None) as batch_op:
        batch_op.add_column(sa.Column('signs_from', sa.DateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('signing_keys', schema=None) as batch_op:
        batch_op.drop_column('signs_from')
    for table in ASKED:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column('claims')
            batch_op.drop_column('acr')
