using System.Globalization;

namespace Containerd.Execution;

/// <summary>Turns an image's words for a user into numbers, with the account files of the image's own root file system.</summary>
/// <remarks>
/// Source: containerd pkg/oci/spec_opts.go WithUser and WithAdditionalGIDs. Digits are a number and never a name, so that an image whose user is out of range
/// cannot name an account that is root (CVE-2024-40635, CVE-2026-46680).
/// </remarks>
internal static class UserResolver
{
    /// <summary>Resolves a user.</summary>
    /// <param name="user"><c>user</c>, <c>uid</c>, <c>user:group</c>, <c>uid:gid</c> or a mix; empty for root.</param>
    /// <param name="root">The root file system.</param>
    /// <param name="current">What of the user is not resolved: the umask.</param>
    public static SpecUser Resolve(string user, string root, SpecUser current)
    {
        string[] parts = user.Split(':');
        if (parts.Length > 2 || (parts.Length == 2 && parts.Any(part => part.Length == 0)))
            throw Invalid(user, "expected 'user', 'uid', 'user:group' or 'uid:gid'");

        IReadOnlyList<Account> accounts = AccountFile.ReadUsers(root);
        IReadOnlyList<AccountGroup> groups = AccountFile.ReadGroups(root);
        (uint uid, uint gid, string? name) = parts[0].Length == 0 ? Root(accounts) : FindUser(user, parts[0], accounts);
        if (parts.Length == 2)
            gid = FindGroup(user, parts[1], groups);

        // The primary group is among the further ones too: a process that drops it otherwise escapes "deny this group" permissions (CVE-2022-36109).
        IEnumerable<uint> further = name is null ? [] : groups.Where(group => group.Name != name && group.Members.Contains(name)).Select(group => group.Gid);
        return current with { Uid = uid, Gid = gid, AdditionalGids = [.. further.Prepend(gid).Distinct()] };
    }

    private static (uint Uid, uint Gid, string? Name) Root(IReadOnlyList<Account> accounts)
    {
        Account? root = accounts.FirstOrDefault(account => account.Uid == 0);
        return (0, root?.Gid ?? 0, root?.Name);
    }

    private static (uint Uid, uint Gid, string? Name) FindUser(string user, string word, IReadOnlyList<Account> accounts)
    {
        if (IsNumber(word))
        {
            uint uid = Number(user, word);
            // A number needs no account; without one its group is 0.
            Account? account = accounts.FirstOrDefault(account => account.Uid == uid);
            return (uid, account?.Gid ?? 0, account?.Name);
        }
        Account found = accounts.FirstOrDefault(account => account.Name == word)
            ?? throw new ContainerdException(ErrorKind.NotFound, $"User '{Excerpt.OfMessage(word)}' is not in the image's /etc/passwd.") { Subject = user };
        return (found.Uid, found.Gid, found.Name);
    }

    private static uint FindGroup(string user, string word, IReadOnlyList<AccountGroup> groups)
    {
        if (IsNumber(word))
            return Number(user, word);
        AccountGroup found = groups.FirstOrDefault(group => group.Name == word)
            ?? throw new ContainerdException(ErrorKind.NotFound, $"Group '{Excerpt.OfMessage(word)}' is not in the image's /etc/group.") { Subject = user };
        return found.Gid;
    }

    // With a sign it looks like a number to the C library's parsers, so it is none of a name's business either.
    private static bool IsNumber(string word) => word.TrimStart('+', '-') is { Length: > 0 } digits && digits.All(char.IsAsciiDigit);

    private static uint Number(string user, string word) =>
        int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? (uint)number
            : throw Invalid(user, $"'{Excerpt.OfMessage(word)}' is not a number from 0 to {int.MaxValue}");

    private static ContainerdException Invalid(string user, string why) =>
        new(ErrorKind.InvalidArgument, $"'{Excerpt.OfMessage(user)}' is not a user to run as: {why}.") { Subject = user };
}
