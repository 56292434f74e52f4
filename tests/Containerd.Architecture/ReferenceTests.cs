using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Containerd.Architecture;

/// <summary>Who may know whom.</summary>
public class ReferenceTests
{
    private static readonly string[] Extensions =
    [
        "Microsoft.Extensions.DependencyInjection.Abstractions",
        "Microsoft.Extensions.Logging.Abstractions",
        "Microsoft.Extensions.Options",
    ];

    // The third-party packages, each where it has a reason to be.
    private static readonly Dictionary<string, string[]> AllowedPackages = new()
    {
        ["Containerd.Abstractions"] = [],
        ["Containerd.Snapshots"] = [.. Extensions, "Microsoft.Data.Sqlite", "Tmds.LibC", "ZstdSharp.Port"],
        ["Containerd.Images"] = [.. Extensions, "Microsoft.Data.Sqlite", "System.IO.Abstractions", "Tomlyn"],
        ["Containerd.Execution"] = [.. Extensions, "CliWrap", "System.IO.Abstractions", "Tmds.LibC"],
        ["Containerd.Network"] = [.. Extensions, "Tmds.LibC"],
        ["Containerd.Conformance"] = ["NUnit"],
    };

    [TestCaseSource(typeof(Repository), nameof(Repository.PackableProjects))]
    public void Projects_refer_to_the_abstractions_alone(string project)
    {
        string[] references = [.. Items(project, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path))];

        Assert.That(references, Is.EqualTo(project == "Containerd.Abstractions" ? Array.Empty<string>() : ["Containerd.Abstractions"]));
    }

    [TestCaseSource(typeof(Repository), nameof(Repository.PackableProjects))]
    public void Packages_are_those_with_a_reason(string project) =>
        Assert.That(Items(project, "PackageReference"), Is.SubsetOf(AllowedPackages[project]));

    [TestCaseSource(typeof(Repository), nameof(Repository.Packages))]
    public void Assemblies_know_no_sibling(string package) =>
        Assert.That(AssemblyReferences(package).Where(name => name.StartsWith("Containerd.", StringComparison.Ordinal)),
            Is.SubsetOf(package == "Containerd.Abstractions" ? Array.Empty<string>() : ["Containerd.Abstractions"]));

    [Test]
    public void Abstractions_know_the_base_class_library_alone()
    {
        string framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;

        Assert.That(AssemblyReferences("Containerd.Abstractions").Where(name => !File.Exists(Path.Join(framework, name + ".dll"))), Is.Empty);
    }

    private static IEnumerable<string> Items(string project, string item) =>
        from element in Repository.LoadProject(project).Descendants(item)
        select element.Attribute("Include")!.Value;

    private static List<string> AssemblyReferences(string package)
    {
        using var file = new PEReader(File.OpenRead(Assembly.Load(package).Location));
        MetadataReader metadata = file.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))];
    }
}
