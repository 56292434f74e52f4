using System.IO.Compression;
using System.Xml.Linq;

namespace Containerd.Architecture;

/// <summary>Every packable project packs, and its package holds what a user of it needs.</summary>
public class PackagingTests
{
    private readonly ScratchDirectory _output = new();
    private CommandResult _pack = null!;

    [OneTimeSetUp]
    public async Task Pack() =>
        _pack = await Command.RunAsync(Command.DotNet,
            ["pack", "Containerd.sln", "--no-build", "-c", Repository.Configuration, "-o", _output.Path, "--nologo", "--disable-build-servers"]);

    [OneTimeTearDown]
    public void Clean() => _output.Dispose();

    [Test]
    public void Packing_ends_without_a_warning()
    {
        Assert.That(_pack.ExitCode, Is.Zero, _pack.ToString());
        Assert.That(_pack.Output, Does.Not.Match("warning (?!NU19)"));
    }

    [Test]
    public void Nothing_else_packs() =>
        Assert.That(Directory.EnumerateFiles(_output.Path, "*.nupkg").Select(path => Path.GetFileName(path).Split(".0.")[0]),
            Is.EquivalentTo(Repository.PackableProjects));

    [TestCaseSource(typeof(Repository), nameof(Repository.PackableProjects))]
    public async Task A_package_holds_assembly_documentation_readme_and_licence(string project)
    {
        await using ZipArchive package = await OpenAsync(project, "nupkg");
        using Stream stream = await package.GetEntry($"{project}.nuspec")!.OpenAsync();
        XElement metadata = XDocument.Load(stream).Root!.Elements().Single();
        XNamespace nuspec = metadata.Name.Namespace;

        Assert.Multiple(() =>
        {
            Assert.That(package.Entries.Select(entry => entry.FullName), Is.SupersetOf(
                [$"lib/net10.0/{project}.dll", $"lib/net10.0/{project}.xml", "README.md"]));
            Assert.That(metadata.Element(nuspec + "license")?.Value, Is.EqualTo("Apache-2.0"));
            Assert.That(metadata.Element(nuspec + "readme")?.Value, Is.EqualTo("README.md"));
            Assert.That(metadata.Element(nuspec + "description")?.Value, Has.Length.GreaterThan(40));
            // What only the build uses, such as analyzers, must not reach a user of the package.
            Assert.That(metadata.Descendants(nuspec + "dependency").Select(dependency => dependency.Attribute("id")!.Value),
                Is.EquivalentTo(Repository.LoadProject(project).Descendants()
                    .Where(item => item.Name.LocalName is "PackageReference" or "ProjectReference")
                    .Select(item => Path.GetFileName(item.Attribute("Include")!.Value).Replace(".csproj", "", StringComparison.Ordinal))));
        });
    }

    [TestCaseSource(typeof(Repository), nameof(Repository.PackableProjects))]
    public async Task Symbols_come_beside_the_package(string project)
    {
        await using ZipArchive package = await OpenAsync(project, "snupkg");

        Assert.That(package.Entries.Select(entry => entry.FullName), Does.Contain($"lib/net10.0/{project}.pdb"));
    }

    private Task<ZipArchive> OpenAsync(string project, string extension) =>
        ZipFile.OpenReadAsync(Directory.EnumerateFiles(_output.Path, $"{project}.*.{extension}").Single());
}
