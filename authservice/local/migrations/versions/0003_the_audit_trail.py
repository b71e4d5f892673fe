"""the audit trail's events"""

from alembic import op
import sqlalchemy as sa


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('events',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('user_id', sa.String(length=36), nullable=True),
        sa.Column('pool_id', sa.String(length=128), nullable=True),
        sa.Column('record', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_events')))
    op.create_index(op.f('ix_events_name_id'), 'events', ['name', 'id'])
    op.create_index(op.f('ix_events_user_id_id'), 'events', ['user_id', 'id'])


def downgrade() -> None:
    op.drop_table('events')
