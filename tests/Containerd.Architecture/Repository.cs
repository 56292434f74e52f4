using System.Xml.Linq;

namespace Containerd.Architecture;

/// <summary>The work tree that these tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>"Release" or "Debug": the configuration these tests were built in, and so everything they look at.</summary>
    public static string Configuration { get; } =
        new DirectoryInfo(AppContext.BaseDirectory).Name.StartsWith("release", StringComparison.OrdinalIgnoreCase) ? "Release" : "Debug";

    /// <summary>The packages that hold an implementation; none knows another.</summary>
    public static string[] Leaves { get; } =
        ["Containerd.Snapshots", "Containerd.Images", "Containerd.Execution", "Containerd.Network"];

    /// <summary>The five packages that a host program references.</summary>
    public static string[] Packages { get; } = ["Containerd.Abstractions", .. Leaves];

    /// <summary>Every project that packs, by name: the five and the conformance kit.</summary>
    public static string[] PackableProjects { get; } = [.. Packages, "Containerd.Conformance"];

    public static string ProjectDirectory(string project) =>
        Path.Join(Root, Packages.Contains(project) ? project : Path.Join("tests", project));

    public static XDocument LoadProject(string project) =>
        XDocument.Load(Path.Join(ProjectDirectory(project), project + ".csproj"));

    /// <summary>The C# files of a project, as paths relative to its directory.</summary>
    public static IEnumerable<string> Sources(string project) =>
        Directory.EnumerateFiles(ProjectDirectory(project), "*.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(ProjectDirectory(project), path))
            .Order(StringComparer.Ordinal);

    /// <summary>Every file of the repository, as paths relative to the root: what git tracks or would track.</summary>
    public static async Task<string[]> FilesAsync()
    {
        CommandResult git = await Command.RunAsync("git", ["-C", Root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        Assert.That(git.ExitCode, Is.Zero, git.Output);
        return [.. git.Output.Split('\0', StringSplitOptions.RemoveEmptyEntries)
            .Where(path => File.Exists(Path.Join(Root, path)))];
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Join(directory.FullName, "Containerd.sln")))
                return directory.FullName;
        }
        throw new InvalidOperationException($"No Containerd.sln above {AppContext.BaseDirectory}.");
    }
}
