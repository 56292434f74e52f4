using System.Text.RegularExpressions;

namespace Containerd.Architecture;

/// <summary>A file is a concept: where it lies and what it is called.</summary>
public partial class SourceLayoutTests
{
    [TestCaseSource(typeof(Repository), nameof(Repository.PackableProjects))]
    public void A_file_holds_one_public_type_and_has_its_name(string project)
    {
        var violations =
            from source in Repository.Sources(project)
            let types = PublicTypes(project, source)
            // "Type.Aspect.cs" holds a part of Type.
            let name = Path.GetFileName(source).Split('.')[0]
            where types.Length > 1 || (types.Length == 1 && types[0] != name)
            select $"{source}: {string.Join(", ", types)}";

        Assert.That(violations, Is.Empty);
    }

    [TestCaseSource(typeof(Repository), nameof(Repository.PackableProjects))]
    public void Folders_are_no_deeper_than_two(string project) =>
        Assert.That(Repository.Sources(project).Where(source => source.Count(c => c == '/') > 2), Is.Empty);

    [TestCaseSource(typeof(Repository), nameof(Repository.PackableProjects))]
    public void A_package_has_one_namespace(string project)
    {
        string expected = project == "Containerd.Abstractions" ? "Containerd" : project;
        var violations =
            from source in Repository.Sources(project)
            let declared = Namespace().Match(Text(project, source)).Groups[1].Value
            where declared != expected
            // Registration extensions live where their users look for them; assembly attributes live nowhere.
            where !(source.EndsWith("ServiceCollectionExtensions.cs", StringComparison.Ordinal)
                && declared == "Microsoft.Extensions.DependencyInjection")
            where !(declared == "" && TopLevelType().Count(Text(project, source)) == 0)
            select $"{source}: {declared}";

        Assert.That(violations, Is.Empty);
    }

    private static string[] PublicTypes(string project, string source) =>
        [.. TopLevelType().Matches(Text(project, source))
            .Where(match => match.Groups["access"].Value == "public")
            .Select(match => match.Groups["name"].Value)
            .Distinct()];

    private static string Text(string project, string source) =>
        File.ReadAllText(Path.Join(Repository.ProjectDirectory(project), source));

    [GeneratedRegex(@"^namespace\s+([\w.]+)\s*;", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    // Namespaces are file-scoped, so that a type of the namespace is a declaration that is not indented.
    [GeneratedRegex(@"^(?<access>public|internal|file)\s+(?:(?:sealed|abstract|static|partial|readonly|ref|unsafe|new)\s+)*"
        + @"(?:class|record\s+struct|record\s+class|record|struct|interface|enum|delegate\s+[\w<>\[\]?,. ]+?)\s+(?<name>\w+)",
        RegexOptions.Multiline)]
    private static partial Regex TopLevelType();
}
