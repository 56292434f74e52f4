namespace Containerd.Execution;

/// <summary>The rule for container IDs: safe as a file name, an argument and a cgroup's name, and legal for every runtime.</summary>
internal static class ContainerId
{
    private const int MaxLength = 76;

    /// <exception cref="ArgumentException">The ID is not 1 to 76 letters and digits with single . _ or - between them.</exception>
    public static void Validate(string id)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        bool separatorAllowed = false;
        foreach (char c in id)
        {
            bool separator = c is '.' or '_' or '-';
            if (separator ? !separatorAllowed : !char.IsAsciiLetterOrDigit(c))
                throw Invalid(id);
            separatorAllowed = !separator;
        }
        if (!separatorAllowed || id.Length > MaxLength)
            throw Invalid(id);
    }

    private static ArgumentException Invalid(string id) =>
        new($"'{Printable.Of(id)}' is not a container ID: expected 1 to {MaxLength} letters and digits with single '.', '_' or '-' between them.", nameof(id));
}
