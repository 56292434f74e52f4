namespace Containerd.Integration;

/// <summary>The checkout that these tests were built in.</summary>
internal static class Repository
{
    public static string Path { get; } = Find(AppContext.BaseDirectory);

    private static string Find(string directory) =>
        File.Exists(System.IO.Path.Join(directory, "Containerd.sln"))
            ? directory
            : Find(System.IO.Path.GetDirectoryName(directory) ?? throw new InvalidOperationException("The tests do not run inside the repository."));
}
