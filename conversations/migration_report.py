"""How far the move from plaintext to ciphertext is, over all accounts: numbers alone."""

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from conversations.models import (
    HeldConversation,
    LegacyConversation,
    LegacyHolder,
    LegacyMessage,
    Migration,
    MigrationRow,
)


def report_migration() -> dict[str, int]:
    """Counts of accounts and of texts in each state, in the order in which they follow each other."""
    return {**_count_accounts(), **_count_texts()}


def _count_accounts() -> dict[str, int]:
    holders = _with_states(LegacyHolder.objects.all())
    counts = holders.aggregate(
        waiting=Count("pk", filter=Q(user__sign_in_record__isnull=True)),
        ready=Count("pk", filter=Q(user__sign_in_record__isnull=False, is_finishing=False, is_begun=False)),
        running=Count("pk", filter=Q(is_finishing=False, is_begun=True)),
        finishing=Count("pk", filter=Q(is_finishing=True)),
    )
    return {
        "accounts before their first sign-in": counts["waiting"],
        "accounts that have not begun": counts["ready"],
        "accounts that are moving": counts["running"],
        "accounts that are finishing": counts["finishing"],
        "accounts that have finished": Migration.objects.filter(state=Migration.State.FINISHED).count(),
    }


def _with_states(holders: QuerySet[LegacyHolder]) -> QuerySet[LegacyHolder]:
    finishing = Migration.objects.filter(pk=OuterRef("pk"), state=Migration.State.FINISHING)
    begun = HeldConversation.objects.filter(legacy_conversation__holder_id=OuterRef("pk"))
    return holders.annotate(is_finishing=Exists(finishing), is_begun=Exists(begun))


def _count_texts() -> dict[str, int]:
    texts = LegacyMessage.objects.count()
    rows = MigrationRow.objects.aggregate(
        staged=Count("pk", filter=Q(is_verified=False)), verified=Count("pk", filter=Q(is_verified=True))
    )
    return {
        "conversations in plaintext": LegacyConversation.objects.count(),
        "messages in plaintext": texts,
        "of these plain": texts - rows["staged"] - rows["verified"],
        "of these staged": rows["staged"],
        "of these verified": rows["verified"],
        "messages deleted": Migration.objects.aggregate(purged=Sum("purged_messages"))["purged"] or 0,
    }
